import { connect } from 'node:net'

/** Tells `hear` of all that others do in a channel, over lost connections and restarts. Returns what ends it. */
export function follow({ port, session, channel }, hear) {
  let last
  let socket
  let timer
  const open = () => {
    let rest = ''
    socket = connect(port, 'localhost', () => {
      const handshake = {
        command: 'subscribe',
        session_id: session.id,
        client_id: session.id,
        channels: [channel],
      }
      socket.write(`${JSON.stringify({ ...handshake, token: session.token, last_msg_id: last })}\0`)
    })
    socket.setEncoding('utf8')
    socket.on('data', (text) => {
      const frames = (rest + text).split('\0')
      rest = frames.pop()
      for (const frame of frames) {
        const { id, body } = JSON.parse(frame)
        if (body === undefined) continue // an error: the connection ends
        if (body.session_id !== session.id) hear(body)
        last = id
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      timer = setTimeout(open, 500)
    })
  }
  open()
  return () => {
    socket.removeAllListeners('close').destroy()
    clearTimeout(timer)
  }
}
