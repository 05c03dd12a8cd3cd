# @summary The data space: its kind, the folder where it is mounted, and a second mount of it to verify by (or '').
# `mounted` says that without a mount of its own that folder is not the data space: then nothing is saved in it.
# `syncs_whole` says that it is a file system of the host, which is synced as a whole instead of file by file, and
# `grant` whose move it is where nothing may be written.
type Working_copy::Space = Struct[
  {
    'kind'                  => Pattern[/\A[a-z][a-z0-9_]*\z/],
    'path'                  => Stdlib::Absolutepath,
    'verify'                => Variant[Stdlib::Absolutepath, Enum['']],
    Optional['mounted']     => Boolean,
    Optional['syncs_whole'] => Boolean,
    Optional['grant']       => String,
  }
]
