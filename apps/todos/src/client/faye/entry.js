import { readPage } from '../page.ts'
import { TodosRouter } from './todos-router.js'

new TodosRouter(readPage())
