/** The same MongoDB connection string, for one port on the loopback interface and no other member. */
export function uriThrough(uri: string, port: number): string {
  const [base = '', query = ''] = uri.replace(/@[^/?]+/, `@127.0.0.1:${port}`).split('?')
  const options = query.split('&').filter((option) => option !== '' && !option.startsWith('replicaSet='))
  return `${base}?${[...options, 'directConnection=true'].join('&')}`
}
