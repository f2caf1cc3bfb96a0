import type { Item, Member } from '../../model/board.ts'
import type { TasksByItem } from '../rows.ts'

/** What one person has to do in a sprint; nobody: what is not given to anyone. */
export interface Load {
  readonly member: Member | undefined
  readonly tasks: number
  readonly tasksDone: number
  readonly hours: number
}

/** How a sprint stands. */
export interface Work {
  readonly hours: number
  readonly points: number
  readonly pointsDone: number
  readonly itemsDone: number
  /** Who has tasks, in the order of their names; what nobody has, last. */
  readonly loads: readonly Load[]
}

/** An item is done when it has tasks and all of them are. */
export function workOf(items: readonly Item[], tasks: TasksByItem, members: readonly Member[]): Work {
  let [hours, points, pointsDone, itemsDone] = [0, 0, 0, 0]
  const loads = new Map<number | null, { tasks: number; tasksDone: number; hours: number }>()
  for (const item of items) {
    const list = tasks.of(item.id)
    const done = list.length > 0 && list.every((task) => task.done)
    points += item.estimate ?? 0
    if (done) {
      pointsDone += item.estimate ?? 0
      itemsDone++
    }
    for (const task of list) {
      const left = task.hours_left ?? 0
      hours += left
      const known = members.some(({ user_id }) => user_id === task.user_id)
      const who = known ? task.user_id : null
      const load = loads.get(who) ?? { tasks: 0, tasksDone: 0, hours: 0 }
      load.tasks++
      if (task.done) load.tasksDone++
      load.hours += left
      loads.set(who, load)
    }
  }
  const ofMembers = members.flatMap((member): Load[] => {
    const load = loads.get(member.user_id)
    return load === undefined ? [] : [{ member, ...load }]
  })
  const ofNobody = loads.get(null)
  return {
    hours,
    points,
    pointsDone,
    itemsDone,
    loads: ofNobody === undefined ? ofMembers : [...ofMembers, { member: undefined, ...ofNobody }],
  }
}
