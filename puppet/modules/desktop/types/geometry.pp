# @summary A screen's size in pixels, WIDTHxHEIGHT, such as 1600x900
type Desktop::Geometry = Pattern[/\A[1-9][0-9]{2,3}x[1-9][0-9]{2,3}\z/]
