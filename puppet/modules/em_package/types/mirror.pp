# @summary The URL of a folder of archives. With `file`, the folder is on the machine itself.
type Em_package::Mirror = Pattern[/\A(https?:\/\/[^\/\s]+|file:\/\/)(\/\S*)?\z/]
