/** An origin that a browser may send, or what is wrong with it: `expected` completes the sentence "expected …". */
type ReadOrigin = string | { readonly expected: string }

/** Origins of apps that are no web pages: `capacitor://localhost`, `chrome-extension://id`. */
const OTHER_SCHEME = /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+(:\d+)?$/

/**
 * Checks one origin of `--cors-origins`. Browsers send an origin in one form only, and a value in any other form would
 * never match: https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin
 */
export function readOrigin(given: string): ReadOrigin {
  if (given === '*' || OTHER_SCHEME.test(given)) return given
  if (given === 'null')
    return {
      expected:
        'origins of pages; "null" is sent by any sandboxed page, so it would let all in: write * for that',
    }
  if (given.includes('*'))
    return { expected: 'each origin in full, or * alone for all; there are no patterns' }
  if (/^https?:\/\//i.test(given) && URL.canParse(given)) {
    const { origin } = new URL(given)
    // A path, a final slash, upper case, a default port, a name that is not in ASCII.
    return origin === given ? given : { expected: `the form that browsers send: ${origin}` }
  }
  return { expected: 'origins with a scheme and without a path, such as https://app.example.com' }
}
