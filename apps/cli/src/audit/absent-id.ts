import { randomBytes } from 'node:crypto'
import type { IdType } from '@freshet/protocol'

/** A random id that is unlikely to exist. */
export function absentId(idType: IdType, random: () => number): string {
  switch (idType) {
    case 'string':
      return `absent-${Math.floor(random() * 1_000)}`
    case 'objectid':
      return randomBytes(12).toString('hex')
    case 'integer':
      return String(Math.floor((random() - 0.5) * 2 ** 40))
    case 'uuid':
      return randomBytes(16)
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }
}
