# @summary An EM package: how it gets into the folder `home`.
#
# `apt`: from Debian packages. `generate`: made by a Python program (`script`). `pip`: Python distributions in a virtual
# environment (`requirements`: every one pinned, with hashes). `archive`: a `file` of the mirrors, unpacked without its
# first `strip` folders. `installb`: a `file` of the mirrors that Scipion installs as `binary` (by default the
# last part of `home`). Debian packages that it needs may stand in `apt` with every method.
type Em_package::Package = Struct[
  {
    Optional['ensure']       => Enum['present', 'absent'],
    'version'                => String[1],
    'method'                 => Enum['apt', 'generate', 'pip', 'archive', 'installb'],
    'home'                   => Stdlib::Absolutepath,
    Optional['apt']          => System::Packagelist,
    Optional['links']        => Hash[Pattern[/\A[A-Za-z0-9._-]+\z/], Stdlib::Absolutepath],
    Optional['script']       => String[1],
    Optional['requirements'] => String[1],
    Optional['file']         => Pattern[/\A[A-Za-z0-9][A-Za-z0-9._+-]*\z/],
    Optional['sha256']       => Pattern[/\A[0-9a-f]{64}\z/],
    Optional['strip']        => Integer[0],
    Optional['binary']       => Pattern[/\A[A-Za-z0-9][A-Za-z0-9._+-]*\z/],
  }
]
