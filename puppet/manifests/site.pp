# Classes come with the run and are applied in the order of their list, those of authors (`author_classes`) last. A node of
# an author applies its own classes and no other.
$classes = lookup('classes', Array[String[1]], 'first') + lookup('author_classes', Array[String[1]], 'unique', [])

$classes.include

$classes.reduce |String[1] $earlier, String[1] $later| {
  Class[$earlier] -> Class[$later]
  $later
}
