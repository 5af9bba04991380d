import type { ChangeStreamError } from '@freshet/change-stream'
import { loadCollections } from '@freshet/documents'
import { examine, failures, GuardError, type Examination } from '@freshet/guard'
import type { Log } from '@freshet/kit'
import { examineDatabase, MigrationError } from '@freshet/migration'
import { storedNameFault } from '@freshet/mongodb-rules'
import type { CommandContext } from '../command.ts'
import { kindOf } from '../dev/run-database.ts'
import { numberAt, readService, type ServiceFailure, type ServiceReading } from '../service-reading.ts'
import { databaseFindings, type DatabaseNeeds } from './database-findings.ts'
import { examineDelivery } from './delivery.ts'
import { ok, todo, type Checked, type Finding } from './finding.ts'
import { manifestFindings } from './manifest-findings.ts'
import { poolSizes, serviceFindings } from './service-findings.ts'

/** What the doctor looks at. */
export interface DoctorTarget {
  readonly services: readonly { readonly name: string; readonly managementUrl: string }[]
  readonly adminDb: string | undefined
  readonly readerDb: string | undefined
  readonly deliveryDb: string | undefined
  /** Empty without an address. */
  readonly database: string
  /** Of PostgreSQL. */
  readonly publication: string
  /** The directory of the collection files. */
  readonly collections: string | undefined
  /** A file. */
  readonly manifests: string | undefined
}

interface DoctorReport {
  readonly findings: readonly Finding[]
  /** False if an address led nowhere. */
  readonly databaseAnswers: boolean
}

const askWithinMs = 5_000
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** Runs all checks. What does not answer is a finding. @throws {Error} a file cannot be read. */
export async function examineAll(target: DoctorTarget, context: CommandContext): Promise<DoctorReport> {
  const { manifests } = target
  const services = await Promise.all(
    target.services.map((service) => readService(service, context.clock, askWithinMs)),
  )
  const address = target.adminDb ?? target.readerDb
  const isPostgres = address !== undefined && kindOf(address) === 'postgres'
  const database = isPostgres
    ? await postgresPart('server', async () =>
        (await import('./postgres.ts')).postgresFindings({ ...target, uri: address }),
      )
    : await databasePart(target, services, context)
  const guard = isPostgres ? await postgresGuardPart(target) : await guardPart(target)
  const found: readonly (readonly [area: string, checked: readonly Checked[]])[] = [
    ['services', serviceFindings(services)],
    ['database', database.checked],
    ['guard', guard.checked],
    ['manifests', manifests === undefined ? [] : manifestFindings(context.readFile(manifests))],
  ]
  return {
    findings: found.flatMap(([area, checked]) => checked.map((each) => ({ area, ...each }))),
    databaseAnswers: database.answers && guard.answers,
  }
}

interface Part {
  readonly checked: readonly Checked[]
  readonly answers: boolean
}

async function databasePart(
  { adminDb, database, collections: folder, services: named }: DoctorTarget,
  services: readonly (ServiceReading | ServiceFailure)[],
  { stopped }: CommandContext,
): Promise<Part> {
  if (adminDb === undefined)
    return {
      checked:
        database === '' && named.length === 0
          ? []
          : [
              todo(
                'not checked',
                'server',
                'oplog, roles, clocks and connections need more rights than those of a service',
                'Pass --admin-db-file with a user that has the roles clusterMonitor and userAdminAnyDatabase, or root.',
              ),
            ],
      answers: true,
    }
  const collections =
    folder === undefined
      ? undefined
      : [...(await loadCollections(folder, storedNameFault)).values()].map(({ stored }) => stored)
  try {
    const report = await examineDatabase({ uri: adminDb, database, collections, signal: stopped })
    return { checked: databaseFindings(report, needsOf(services)), answers: true }
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error
    return {
      checked: [todo('fault', 'server', error.message, 'See the message.')],
      answers: !error.code.endsWith('UNREACHABLE'),
    }
  }
}

function needsOf(services: readonly (ServiceReading | ServiceFailure)[]): DatabaseNeeds {
  const statuses = services.flatMap((service) => ('failure' in service ? [] : [service.status]))
  const lags = statuses.flatMap(
    (status) => numberAt(status, 'lagSeconds') ?? numberAt(status, 'feed', 'lagSeconds') ?? [],
  )
  return {
    lagS: lags.length === 0 ? undefined : Math.max(...lags),
    connections: statuses.reduce((sum, { role }) => sum + (poolSizes[String(role)] ?? 0), 0),
  }
}

async function guardPart({ readerDb, deliveryDb, database }: DoctorTarget): Promise<Part> {
  const how = { database, appName: 'freshet doctor', log: silent }
  const parts: readonly (readonly [name: string, examination: Promise<Examination>])[] = [
    ...(readerDb === undefined ? [] : [['reader', examine({ ...how, uri: readerDb })] as const]),
    ...(deliveryDb === undefined
      ? []
      : [['delivery', examineDelivery({ ...how, uri: deliveryDb })] as const]),
  ]
  let answers = true
  const checked = await Promise.all(
    parts.map(async ([service, examination]) => {
      try {
        return layerFindings(service, await examination)
      } catch (error) {
        if (!(error instanceof GuardError)) throw error
        if (error.code === 'UNREACHABLE') answers = false
        return [todo('fault', service, error.what, failures[error.code].remedy)]
      }
    }),
  )
  return { checked: checked.flat(), answers }
}

function postgresGuardPart({
  readerDb: uri,
  deliveryDb,
  database,
  publication,
}: DoctorTarget): Promise<Part> {
  return postgresPart('reader', async () => [
    ...(uri === undefined
      ? []
      : layerFindings(
          'reader',
          await (await import('./postgres.ts')).examinePostgres({ uri, database, publication }),
        )),
    ...(deliveryDb === undefined
      ? []
      : [
          todo(
            'not checked',
            'delivery',
            'messages are stored in MongoDB only',
            'Run `freshet doctor` once more, with the addresses of MongoDB.',
          ),
        ]),
  ])
}

/** A part whose failure is a finding of this name. */
async function postgresPart(name: string, check: () => Promise<readonly Checked[]>): Promise<Part> {
  try {
    return { checked: await check(), answers: true }
  } catch (error) {
    if (!isChangeStreamError(error)) throw error
    return { checked: [todo('fault', name, error.message, 'See the message.')], answers: !error.retry }
  }
}

/** By its name: the class belongs to a module that is loaded when it is needed. */
const isChangeStreamError = (error: unknown): error is ChangeStreamError =>
  error instanceof Error && error.name === 'ChangeStreamError'

function layerFindings(service: string, { layers }: Examination): readonly Checked[] {
  return layers.map(({ layer, name, stands, seen, remedy = '' }) =>
    stands
      ? ok(`${service}: ${layer} ${name}`, seen)
      : todo('fault', `${service}: ${layer} ${name}`, seen, remedy),
  )
}
