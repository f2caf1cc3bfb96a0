import { startEmbeddedPostgres } from '@lockstep/server/embedded'
import postgres from 'postgres'

const { url } = await startEmbeddedPostgres({ dataDir: '.postgres' })
const sql = postgres(url, { onnotice() {} })
await sql.file('schema.sql')
await sql.end()
process.env.DATABASE_URL = url
await import('./build/server.js')
