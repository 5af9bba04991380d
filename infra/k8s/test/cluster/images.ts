import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Skipped } from './report.ts'

/** What the checks look at in an image. */
interface Image {
  readonly user: string
  readonly labels: Readonly<Record<string, string>>
  /** Paths of all files, with their owner and mode as `tar` prints them. */
  readonly files: readonly { readonly path: string; readonly mode: string; readonly owner: string }[]
  /** Of all layers, unpacked. */
  readonly bytes: number
}

const programs =
  /^(sh|bash|dash|ash|zsh|ksh|busybox|apt|apt-get|dpkg|apk|rpm|npm|npx|pnpm|yarn|corepack|initdb)$/
const maxBytes = 250e6

/** An OCI archive, as `build-local.sh` writes it. */
function imageIn(archive: string): Image {
  const folder = mkdtempSync(join(tmpdir(), 'freshet-image-'))
  try {
    execFileSync('tar', ['-xf', archive, '-C', folder])
    const blob = (digest: string): string => join(folder, 'blobs', ...digest.split(':'))
    const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
    const { manifests }: { manifests: readonly { digest: string }[] } = read(join(folder, 'index.json'))
    const manifest: { config: { digest: string }; layers: readonly { digest: string }[] } = read(
      blob(manifests[0]?.digest ?? ''),
    )
    const { config }: { config: { User: string; Labels: Readonly<Record<string, string>> } } = read(
      blob(manifest.config.digest),
    )
    const lines = manifest.layers.flatMap((layer) =>
      execFileSync('tar', ['-tvf', blob(layer.digest), '--numeric-owner'], {
        encoding: 'utf8',
        maxBuffer: 64 * 2 ** 20,
      })
        .split('\n')
        .filter((line) => line !== ''),
    )
    const files = lines.map((line) => {
      const [mode = '', owner = '', size = '', , , ...path] = line.split(/\s+/)
      return { mode, owner, size: Number(size), path: path.join(' ').replace(/^\.?\//, '') }
    })
    return {
      user: config.User,
      labels: config.Labels,
      files,
      bytes: files.reduce((sum, { size }) => sum + size, 0),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What is wrong with an image. */
function faultsIn(image: Image, reads: boolean): readonly string[] {
  const paths = image.files.map(({ path }) => path)
  const found = image.files
    .filter(({ mode, path }) => /^[-l].*x/.test(mode) && programs.test(basename(path.split(' -> ')[0] ?? '')))
    .map(({ path }) => `the program ${path}`)
  const owned = image.files.filter(({ owner, path }) => path.startsWith('app/') && !owner.startsWith('0/'))
  const writes = paths.filter((path) =>
    /\.pnpm\/(express|@freshet\+(writer|migration|roles|testkit|cli|mongod))@[^/]*\/$/.test(path),
  )
  const labels = ['title', 'source', 'version', 'revision', 'licenses'].map(
    (name) => `org.opencontainers.image.${name}`,
  )
  return [
    ...found,
    ...(image.user === '65532:65532' ? [] : [`the user ${image.user}`]),
    ...(owned.length === 0 ? [] : [`${owned.length} files of the application that root does not own`]),
    ...(paths.includes('app/sbom.cdx.json') ? [] : ['no list of its packages']),
    ...labels.filter((label) => !image.labels[label]).map((label) => `no label ${label}`),
    ...(image.bytes < maxBytes ? [] : [`${image.bytes} bytes`]),
    ...(reads ? writes.map((path) => `a package that writes: ${path}`) : []),
  ]
}

/** Checks the archives in `CLUSTER_IMAGES`: user, programs, owner, labels, size, and that readers cannot write. */
export async function imagesHold(): Promise<string> {
  const folder = process.env['CLUSTER_IMAGES']
  if (!folder) throw new Skipped('CLUSTER_IMAGES is not set to a folder of infra/images/build-local.sh')
  const names = ['writer', 'reader', 'delivery', 'migrate'].filter((name) =>
    existsSync(join(folder, `${name}.tar`)),
  )
  if (names.length < 4) throw new Error(`expected four archives in ${folder}, got ${names.join()}`)
  const images = names.map((name) => ({ name, image: imageIn(join(folder, `${name}.tar`)) }))
  const faults = images.flatMap(({ name, image }) =>
    faultsIn(image, name === 'reader' || name === 'delivery').map((fault) => `${name}: ${fault}`),
  )
  if (faults.length > 0) throw new Error(faults.join('; '))
  // Negative control: by the rules for readers, the writer's image is refused.
  const [writer] = images
  if (writer && faultsIn(writer.image, true).length === 0)
    throw new Error('the check finds no writes in the writer')
  return images.map(({ name, image }) => `${name} ${Math.round(image.bytes / 1e6)} MB`).join(', ')
}
