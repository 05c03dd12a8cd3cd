# @summary The data space: its kind, the folder where it is mounted, and a second mount of it to verify by (or '').
# `mounted` says that without a mount of its own that folder is not the data space: then nothing is saved in it.
type Working_copy::Space = Struct[
  {
    'kind'              => Enum['directory', 'onedata'],
    'path'              => Stdlib::Absolutepath,
    'verify'            => Variant[Stdlib::Absolutepath, Enum['']],
    Optional['mounted'] => Boolean,
  }
]
