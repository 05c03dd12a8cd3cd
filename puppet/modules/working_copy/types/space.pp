# @summary The data space: its kind, the folder where it is mounted, and a second mount of it to verify by (or '').
type Working_copy::Space = Struct[
  {
    'kind'   => Enum['directory', 'onedata'],
    'path'   => Stdlib::Absolutepath,
    'verify' => Variant[Stdlib::Absolutepath, Enum['']],
  }
]
