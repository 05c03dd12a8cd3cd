# @summary Who may write to the data space: the installation, and its tenant and deployment.
type Working_copy::Owner = Struct[
  {
    'installation' => String,
    'tenant'       => String,
    'deployment'   => String,
  }
]
