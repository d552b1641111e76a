/** Why a storage that was open is not there any more, as pages are told it. */
export const closedByBrowser = "the browser closed it, as it does when the site's data is cleared";
export const wantedByOthers = "another page deletes it or opens it with a newer version of minifo";
