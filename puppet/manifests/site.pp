# Classes come from Hiera and are applied in the order of their list, those of authors (`author_classes`) last.
$classes = lookup('classes', Array[String[1]], 'unique') + lookup('author_classes', Array[String[1]], 'unique', [])

$classes.include

$classes.reduce |String[1] $earlier, String[1] $later| {
  Class[$earlier] -> Class[$later]
  $later
}
