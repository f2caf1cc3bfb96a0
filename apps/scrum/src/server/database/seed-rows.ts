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
