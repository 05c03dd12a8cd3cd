# @summary Name of a mount: `NAME` in `onedata@NAME.service`.
type Onedata::Instance = Pattern[/\A[a-z][a-z0-9-]{0,62}\z/]
