# @summary Debian packages by name, each with an exact version or `installed` for any.
type System::Packagelist = Hash[Pattern[/\A[a-z0-9][a-z0-9+.-]+\z/], Pattern[/\A[A-Za-z0-9.+~:-]+\z/]]
