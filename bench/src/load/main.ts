import { setTimeout as pause } from 'node:timers/promises'
import { answerCalls } from '../process/answer.ts'
import { type DialectChoice, dialectOf } from './dialect.ts'
import { LightSocket } from './light-socket.ts'

/** Most connections under way at a time: more would overflow the server's accept queue. */
const openingMax = 64
/** How long nothing comes where nothing more will. */
const quietMs = 500

const sockets: LightSocket[] = []
let total = 0
let failure: Error | undefined
/** Calls that wait for a number of frames, smallest first. */
const waiting: { readonly frames: number; resolve(): void; reject(error: Error): void }[] = []
let next = Number.POSITIVE_INFINITY

/** A process of light subscribers, told what to do by the server that they load. */
export type LoadMethods = {
  /** Resolves when `count` more subscribers are subscribed. */
  connect(crowd: { port: number; count: number; dialect: DialectChoice }): Promise<void>
  /** Resolves when all subscribers together have had this many frames since they were subscribed. */
  reach(frames: number): Promise<void>
  /** Resolves when nothing has come for a while; what has come does not count. */
  settle(): Promise<void>
  /** @throws Error unless every subscriber has had exactly this many frames. */
  verify(frames: number): void
}

const methods: LoadMethods = {
  connect: ({ port, count, dialect: choice }) =>
    new Promise<void>((resolve, reject) => {
      const dialect = dialectOf(choice)
      let started = 0
      let ready = 0
      const start = (): void => {
        if (started >= count) return
        const socket: LightSocket = new LightSocket(port, started++, dialect, {
          ready: () => {
            if (++ready === count) resolve()
            else start()
          },
          counted,
          failed: (error) => {
            reject(error)
            fail(error)
          },
        })
        sockets.push(socket)
      }
      for (let i = 0; i < Math.min(count, openingMax); i++) start()
    }),

  reach: (frames) =>
    new Promise<void>((resolve, reject) => {
      if (failure !== undefined) return reject(failure)
      if (total >= frames) return resolve()
      waiting.push({ frames, resolve, reject })
      waiting.sort((a, b) => a.frames - b.frames)
      next = waiting[0]?.frames ?? next
    }),

  settle: async () => {
    let before = -1
    while (total !== before) {
      before = total
      await pause(quietMs)
    }
    total = 0
    for (const socket of sockets) socket.frames = 0
  },

  verify: (frames) => {
    if (failure !== undefined) throw failure
    for (const socket of sockets) {
      if (socket.frames !== frames) throw new Error(`a subscriber got ${socket.frames} frames, not ${frames}`)
    }
  },
}

function counted(): void {
  if (++total < next) return
  while (waiting[0] !== undefined && waiting[0].frames <= total) waiting.shift()?.resolve()
  next = waiting[0]?.frames ?? Number.POSITIVE_INFINITY
}

function fail(error: Error): void {
  failure ??= error
  for (const { reject } of waiting.splice(0)) reject(failure)
}

answerCalls(methods)
