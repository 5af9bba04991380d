/** For `node --require`: when the process ends, prints the CommonJS packages that it has loaded to standard error. */
process.on('exit', () => {
  const names = Object.keys(require.cache).flatMap(
    (path) => /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [],
  )
  process.stderr.write(`${[...new Set(names)].sort().join(' ')}\n`)
})
