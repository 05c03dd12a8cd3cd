# @summary A moment with its time zone, such as 2030-01-31T14:05:00+00:00
type Desktop::Moment = Pattern[/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\z/]
