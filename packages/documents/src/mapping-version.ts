/** Increment whenever the mapping changes its output for any document, so that old ETags no longer match. */
export const MAPPING_VERSION = 3
