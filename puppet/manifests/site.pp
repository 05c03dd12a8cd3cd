# Classes come with the run and are applied in the order of their list: those of an author's node are its own and no others.
$classes = lookup('classes', Array[String[1]])

$classes.include

$classes.reduce |String[1] $earlier, String[1] $later| {
  Class[$earlier] -> Class[$later]
  $later
}
