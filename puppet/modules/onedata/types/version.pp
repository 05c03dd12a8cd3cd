# @summary An exact version of a Debian package.
type Onedata::Version = Pattern[/\A[0-9][A-Za-z0-9.+~:-]*\z/]
