/**
 * The drivers of sites that lie on a server file by file without a manifest: by the server's own listings, and by a list of
 * pages. One piece to load: in two they would have a bundler split off what both share with every page, into chunks that
 * each page then asks for one by one.
 */
export { openListingBase } from "./listing/reader.ts";
export { openPlainSite } from "./plain-site.ts";
