# @summary An EM package: from Debian packages (`apt`), or made by a Python program (`generate`).
type Em_package::Package = Struct[
  {
    Optional['ensure']  => Enum['present', 'absent'],
    'version'           => String[1],
    'method'            => Enum['apt', 'generate'],
    'home'              => Stdlib::Absolutepath,
    Optional['apt']     => System::Packagelist,
    Optional['links']   => Hash[Pattern[/\A[A-Za-z0-9._-]+\z/], Stdlib::Absolutepath],
    Optional['script']  => String[1],
  }
]
