# @summary An apt repository: its URL (without a user or password in it), and the one key that signs it, as text.
type Onedata::Repository = Struct[
  {
    'url'         => Pattern[/\A(https?:\/\/[^\/\s@]+|file:\/\/)(\/[^\s@]*)?\z/],
    'suite'       => Pattern[/\A[A-Za-z0-9][A-Za-z0-9.\/_-]*\z/],
    'components'  => Array[Pattern[/\A[A-Za-z0-9][A-Za-z0-9.\/_-]*\z/], 1],
    'key'         => Pattern[/\A\s*-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n/],
    'fingerprint' => Pattern[/\A[0-9A-F]{40}\z/],
  }
]
