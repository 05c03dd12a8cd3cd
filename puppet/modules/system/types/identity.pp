# @summary Whose machine this is: the project's title and id, and who may log in as the project's user.
type System::Identity = Struct[
  {
    'title'              => String[1],
    'project_id'         => Pattern[/\A[a-z0-9][a-z0-9-]*\z/],
    Optional['ssh_keys'] => Array[System::Sshkey],
  }
]
