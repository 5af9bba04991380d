/** A connection string of MongoDB that leads to one port of the loopback and to no other member of the set. */
export function uriThrough(uri: string, port: number): string {
  const [base = '', query = ''] = uri.replace(/@[^/?]+/, `@127.0.0.1:${port}`).split('?')
  const options = query.split('&').filter((option) => option !== '' && !option.startsWith('replicaSet='))
  return `${base}?${[...options, 'directConnection=true'].join('&')}`
}
