import { type AppProcess, startApp } from './app-process.ts'

/** The built Scrum board, as `npm start` runs it. */
export type ScrumProcess = AppProcess

export const startScrum = (): Promise<ScrumProcess> => startApp('scrum')
