/** A valid origin, or what was expected instead: `expected` completes the sentence "expected …". */
type ReadOrigin = string | { readonly expected: string }

/** Origins of apps that are not web pages: `capacitor://localhost`, `chrome-extension://id`. */
const OTHER_SCHEME = /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+(:\d+)?$/

/**
 * Checks one origin of `--cors-origins`. Browsers send an origin in exactly one form; any other spelling would never
 * match: https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin
 */
export function readOrigin(given: string): ReadOrigin {
  if (given === '*' || OTHER_SCHEME.test(given)) return given
  if (given === 'null')
    return {
      expected:
        'web origins; any sandboxed page sends "null", so allowing it allows everyone: use * for that',
    }
  if (given.includes('*')) return { expected: 'full origins, or * alone for all; patterns are not supported' }
  if (/^https?:\/\//i.test(given) && URL.canParse(given)) {
    const { origin } = new URL(given)
    // A path, a trailing slash, upper case, a default port, or a non-ASCII name.
    return origin === given ? given : { expected: `the form that browsers send: ${origin}` }
  }
  return { expected: 'origins with a scheme and without a path, such as https://app.example.com' }
}
