export { runScenario, type StepAction, type Steps, scenariosOf, type Table } from './scenario.ts'
