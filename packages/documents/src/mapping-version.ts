/** Rises with every change of what the mapping makes of the same document: tags of the old one no longer match then. */
export const MAPPING_VERSION = 3
