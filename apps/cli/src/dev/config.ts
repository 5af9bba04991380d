/** What a run of `freshet dev` is started with. */
export interface DevConfig {
  readonly readers: number
  /** Port of the writer; the readers take the next ones. 0: any free ones. */
  readonly port: number
  /** A MongoDB that is there already. */
  readonly db: string | undefined
  readonly database: string
  /** Folder of the collection files; the sample's when not given. */
  readonly collections: string | undefined
  readonly cacheSizeBytes: number
  readonly noSample: boolean
  readonly json: boolean
}
