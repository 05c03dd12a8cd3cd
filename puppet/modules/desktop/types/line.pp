# @summary Free text in one line, without control characters
type Desktop::Line = Pattern[/\A[^[:cntrl:]]+\z/]
