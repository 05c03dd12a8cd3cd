# @summary A folder's name, such as a Scipion project's, that is neither a path nor an option
type Desktop::Foldername = Pattern[/\A[A-Za-z0-9_][A-Za-z0-9_. -]*\z/]
