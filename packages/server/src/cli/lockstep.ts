#!/usr/bin/env node
import { runMain } from 'citty'
import { lockstep } from './commands.ts'

await runMain(lockstep)
// The application's module may have opened connections of its own, which would keep this process.
process.exit()
