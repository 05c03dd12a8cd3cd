# Classes come from Hiera and are applied in the order of their list, those of authors (`author_classes`) last. A list that
# comes with the run replaces the default one: a node of an author applies its own classes and no other.
$classes = lookup('classes', Array[String[1]], 'first') + lookup('author_classes', Array[String[1]], 'unique', [])

$classes.include

$classes.reduce |String[1] $earlier, String[1] $later| {
  Class[$earlier] -> Class[$later]
  $later
}
