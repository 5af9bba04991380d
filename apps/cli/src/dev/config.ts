/** What a run of `freshet dev` is started with. */
export interface DevConfig {
  readonly readers: number
  /** Port of the writer; the readers take the next ones. 0: any free ones. */
  readonly port: number
  /** What writer and readers listen on; the rest stays on the loopback. */
  readonly host: string
  /** Origins whose pages may call writer and readers; `*` for all. */
  readonly corsOrigins: readonly string[]
  /** A MongoDB that is there already. */
  readonly db: string | undefined
  readonly database: string
  /** Folder of the collection files; the sample's when not given. */
  readonly collections: string | undefined
  readonly cacheSizeBytes: number
  readonly noSample: boolean
  /** Sample data also into a MongoDB that was there already. */
  readonly sample: boolean
  readonly json: boolean
}
