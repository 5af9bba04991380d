import { execFile } from 'node:child_process'
import { chown, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'

const run = promisify(execFile)

interface Copy {
  /** The superuser's address of the running server. */
  readonly uri: string
  readonly data: string
  readonly into: string
}

/**
 * Copies the data of a running server for a standby. By the functions for backups and `cp`, because npm's PostgreSQL comes
 * without `pg_basebackup`. https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
export async function copyData({ uri, data, into }: Copy): Promise<void> {
  const client = new Client({ connectionString: uri })
  await client.connect()
  try {
    await client.query(`select pg_backup_start('standby', true)`)
    await run('cp', ['-a', data, into])
    const { rows } = await client.query<Readonly<Record<string, string>>>(
      'select labelfile from pg_backup_stop(false)',
    )
    const { uid, gid } = await stat(data)
    const files = { backup_label: rows[0]?.['labelfile'] ?? '', 'standby.signal': '' }
    for (const [name, text] of Object.entries(files)) {
      const path = join(into, name)
      await writeFile(path, text)
      await chown(path, uid, gid)
    }
    await rm(join(into, 'postmaster.pid'))
  } finally {
    await client.end()
  }
}
