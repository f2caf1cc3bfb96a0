/** A backlog item as it is planted; a task that begins with `[x] ` is done. */
export interface SeededItem {
  readonly userStory: string
  readonly description?: string
  readonly estimate: number | null
  readonly tasks?: readonly string[]
}

export const bananaScrum: readonly SeededItem[] = [
  {
    userStory:
      'As a product owner I can drag an item to a new place, so that the order says what comes first',
    description: `The backlog is **one list**. Its order is the only priority there is.

- Dragging shows where the item will land
- The keyboard can do all that the mouse can
- Everyone else sees the item move at once

> Two people who drop into the same gap both get their way: one item above the other.`,
    estimate: 5,
    tasks: [
      '[x] Draw the drop indicator',
      '[x] Move by keyboard: up, down, to the top, to the bottom',
      'Say the new place aloud for screen readers',
    ],
  },
  {
    userStory: 'As a team member I see changes of others without reloading',
    description: `A page that is left open all day has to be right at any moment.

| What happens | What I see |
|---|---|
| Someone renames an item | the new name, lit up for a moment |
| My train enters a tunnel | a note that I am offline |
| It comes out again | everything I missed, at once |`,
    estimate: 8,
    tasks: [
      '[x] Light up rows that changed',
      '[x] Name who changed it',
      'Show the state of the connection',
      'Try it in a tunnel',
    ],
  },
  {
    userStory: 'As a developer I can split an item into tasks',
    description: 'A task is a line and a tick box. Nothing more until somebody misses something.',
    estimate: 3,
    tasks: ['[x] Add a task with Enter', 'Tick it off', 'Rename it in place'],
  },
  {
    userStory: 'As a product owner I write descriptions in Markdown',
    description: `Lists, tables and ~~mistakes~~ links. HTML is shown as text:

\`\`\`html
<blink>not today</blink>
\`\`\``,
    estimate: 2,
    tasks: ['Preview while writing'],
  },
  {
    userStory: 'As a team we estimate with cards, so that a number is never fought over',
    description: '0, ½, 1, 2, 3, 5, 8, 13, 20, 40, 100 and **?** for what we do not understand yet.',
    estimate: 3,
  },
  {
    userStory: 'As a scrum master I plan a sprint by dragging items from the backlog',
    estimate: 13,
    tasks: [
      'Backlog and sprint side by side',
      'Sums of estimates on both sides',
      'Warn when it is more than last time',
    ],
  },
  {
    userStory: 'As a team member I see who is looking at the same page',
    description: 'Small round pictures in the corner. No names of people who left.',
    estimate: 5,
  },
  {
    userStory: 'As a product owner I cut the backlog into future sprints by our velocity',
    estimate: 8,
  },
  {
    userStory: 'As a developer I find last year’s items by a word of their text',
    description: 'Searching in the browser is enough as long as a backlog fits into it.',
    estimate: null,
  },
  {
    userStory: 'As a team member I take back what I just deleted',
    estimate: 1,
    tasks: ['[x] Keep the tasks with it'],
  },
  {
    userStory: 'As an administrator I import a backlog from a spreadsheet',
    description: 'Columns: user story, description, estimate, tags. A preview before anything is saved.',
    estimate: 20,
  },
  {
    userStory: 'As a visitor with a small phone I read the backlog on the way to work',
    estimate: null,
    tasks: ['Nothing wider than 360 pixels', 'Targets as large as a thumb'],
  },
]

export const harbour: readonly SeededItem[] = [
  { userStory: 'As the harbour master I see which berths are free', estimate: 5, tasks: ['Draw the quay'] },
  { userStory: 'As a captain I announce my arrival by radio or by web', estimate: 8 },
  { userStory: 'As the office I bill the hours at the quay', estimate: null },
]

/** A sprint as it is planted: days count from the day of planting. */
export interface SeededSprint {
  readonly name: string
  readonly goal: string
  readonly firstDay: number
  readonly lastDay: number
  readonly items: readonly SeededSprintItem[]
  /** How it stood on days before: day, hours left, points done, items done. */
  readonly past: readonly (readonly [day: number, hours: number, pointsDone: number, itemsDone: number])[]
}

interface SeededSprintItem {
  readonly userStory: string
  readonly description?: string
  readonly estimate: number
  /** Summary, hours left, who by name. */
  readonly tasks: readonly (readonly [summary: string, hours: number | null, who?: string])[]
}

export const bananaSprints: readonly SeededSprint[] = [
  {
    name: 'Sprint 1',
    goal: 'A team can keep its backlog here',
    firstDay: -18,
    lastDay: -5,
    items: [
      {
        userStory: 'As a team member I sign in with my e-mail address',
        estimate: 3,
        tasks: [
          ['Form', 0, 'Alice'],
          ['Slow down guessing', 0, 'Olivia'],
        ],
      },
      {
        userStory: 'As a product owner I write items down and sort them',
        estimate: 8,
        tasks: [
          ['List', 0, 'Olivia'],
          ['Drag and drop', 0, 'Alice'],
        ],
      },
      {
        userStory: 'As a team we see all our projects on one page',
        estimate: 2,
        tasks: [['Cards with live counts', 0, 'Alice']],
      },
    ],
    past: [
      [-18, 44, 0, 0],
      [-15, 36, 3, 1],
      [-12, 27, 3, 1],
      [-9, 14, 5, 2],
      [-6, 4, 5, 2],
      [-5, 0, 13, 3],
    ],
  },
  {
    name: 'Sprint 2',
    goal: 'Two people can plan and work without getting in each other’s way',
    firstDay: -4,
    lastDay: 9,
    items: [
      {
        userStory: 'As a team member I say how many hours are left of a task',
        description: 'Zero means **done**. The burndown follows at once, on everybody’s screen.',
        estimate: 3,
        tasks: [
          ['A field beside each task', 0, 'Olivia'],
          ['Let the burndown follow', 0, 'Olivia'],
          ['Read hours with a comma, too', 2, 'Alice'],
        ],
      },
      {
        userStory: 'As a scrum master I see who has too much to do',
        estimate: 5,
        tasks: [
          ['Workload per person', 6, 'Alice'],
          ['Give a task to somebody else', 3, 'Olivia'],
          ['Ask the team what “too much” is', null],
        ],
      },
      {
        userStory: 'As a team member I see that somebody is editing an item before I do',
        estimate: 8,
        tasks: [
          ['Show a name on the item', 5, 'Olivia'],
          ['Let go when the tab is closed', 8, 'Alice'],
        ],
      },
    ],
    past: [
      [-4, 52, 0, 0],
      [-3, 45, 0, 0],
      [-2, 38, 0, 0],
      [-1, 29, 0, 0],
    ],
  },
]

export const bananaImpediments = [
  {
    summary: 'The test phone has no charger',
    description: 'Since Monday. Nobody can try **dragging by touch** until somebody finds one.',
    open: true,
    comments: [
      ['Olivia', 'I can bring mine tomorrow.'],
      ['Alice', 'That would help, thank you!'],
    ],
  },
  { summary: 'Waiting for the name of the new domain', description: '', open: true, comments: [] },
  {
    summary: 'The build took twenty minutes',
    description: 'It installed a browser every time.',
    open: false,
    comments: [['Alice', 'Two minutes now.']],
  },
] as const
