# The checks of tree_law.sh. Reads arrows.txt as its input and then, in END, every file named in the file `files`.

function complain(place, what) { print place ": " what; violations++ }

# The row that governs a path: the longest folder of the table that it lies in; "" if none.
function row_of(path,   dir) {
  for (dir = path; sub(/\/[^\/]*$/, "", dir);) if (dir in arrow) return dir
  return ""
}

function under(path, folder) { return folder == "" || path == folder || index(path, folder "/") == 1 }

# Whether a word of `list` covers `target`: the path itself, * for everything, or a folder above it. A folder below that one
# which has a row of its own (`target_row`) is covered only by that name.
function covered(target, target_row, list,   words, n, i) {
  n = split(list, words, " ")
  for (i = 1; i <= n; i++)
    if (words[i] == "*" || words[i] == target || (under(target, words[i]) && under(words[i], target_row))) return 1
  return 0
}

function check_include(path, line, target,   row) {
  row = row_of(path)
  if (index(target, "/") == 0) complain(path ":" line, "\"" target "\" does not name its folder")
  else if (!(target in known)) complain(path ":" line, "\"" target "\" is not in the tree")
  else if (row_of(target) != row && !covered(target, row_of(target), arrow[row]))
    complain(path ":" line, row " may not include " target)
}

function check_library(path, line, header,   prefix) {
  if (under(path, "tests") || under(path, "bench") || under(path, "papers")) return
  for (prefix in library)
    if (index(header, prefix) == 1 && !covered(path, "", library[prefix]))
      complain(path ":" line, "<" header "> belongs to: " library[prefix])
}

function check_c_line(path, line, text,   target) {
  if (text !~ /^[ ]*#[ ]*include[ ]*["<]/) return
  target = text
  sub(/^[^"<]*["<]/, "", target)
  sub(/[">].*$/, "", target)
  if (text ~ /^[^<]*"/) check_include(path, line, target); else check_library(path, line, target)
}

function is_text(path) {
  if (path == "LICENSE" || path ~ /^kernels\/weights\// && path !~ /\.md$/) return 0
  return path ~ /\.(c|h|sh|awk|md|yml|txt|json|1)$/ || path ~ /(^|\/)(dev|run|\.clang-format|\.gitignore|CMakeLists\.txt)$/
}

function check_text_line(path, line, text) {
  if (index(text, "\t")) complain(path ":" line, "holds a tab")
  if (text ~ /[ \r]$/) complain(path ":" line, "ends in white space")
  if (path !~ /\.(md|txt|json|1)$/ && characters(text) > 130) complain(path ":" line, "is longer than 130 characters")
  if (text ~ /(^|[^A-Za-z0-9_.\/<-])\/(home|work|root|Users)\/[A-Za-z0-9_.]/)
    complain(path ":" line, "names an absolute path of a machine")
}

# Characters of UTF-8: bytes that do not continue one.
function characters(text) { gsub(/[\200-\277]/, "", text); return length(text) }

function check_file(path,   name, line, text, dir, c_file) {
  name = path
  sub(/^.*\//, "", name)
  dir = path
  if (!sub(/\/[^\/]*$/, "", dir)) dir = ""
  c_file = path ~ /\.[ch]$/
  if (!((dir == "" ? name : substr(path, 1, index(path, "/") - 1)) in top))
    complain(path, "nothing of this name may lie at the top of the tree")
  if (c_file && dir == "runtime") complain(path, "no source file lies directly in runtime/")
  else if (c_file) {
    if (name in first) complain(path, "its name is already that of " first[name]); else first[name] = path
    if (row_of(path) == "") complain(path, "its folder has no row in arrows.txt")
    if (!(dir "/README.md" in known) && !(dir in told)) { told[dir] = 1; complain(dir, "has no README.md") }
  }
  if (!is_text(path)) return
  for (line = 0; (getline text < path) > 0;) {
    line++
    check_text_line(path, line, text)
    if (c_file && row_of(path) != "") check_c_line(path, line, text)
  }
  close(path)
  if (name == "README.md" && dir != "" && line > 30) complain(path, "has " line " lines, at most 30 are allowed")
}

/^#/ || NF == 0 { next }
$1 == "arrow" || $1 == "library" {
  key = $2
  sub(/:$/, "", key)
  list = ""
  for (i = 3; i <= NF; i++) list = list (i > 3 ? " " : "") $i
  if ($1 == "arrow") arrow[key] = list; else library[key] = list
  next
}
$1 == "top" { for (i = 2; i <= NF; i++) top[$i] = 1; next }
{ complain("arrows.txt", "row of no kind: " $0) }

END {
  while ((getline path < files) > 0) { known[path] = 1; order[++count] = path }
  for (n = 1; n <= count; n++) check_file(order[n])
  if (violations) { print violations " violations of the law of the tree"; exit 1 }
  print "the law holds in " count " files"
}
