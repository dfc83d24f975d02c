# Turns templates/*.yml into a C file: cmake -DFOLDER=... -DOUT=... -P templates.cmake
file(GLOB files ${FOLDER}/*.yml)
list(SORT files)
set(rows "")
set(arrays "")
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "static const char text_${name}[] = {${bytes}0};\n")
  string(APPEND rows "  {\"${name}\", text_${name}},\n")
endforeach()
file(WRITE ${OUT} "#include \"scenarios/templates.h\"\n\n${arrays}\nconst struct swisd_template swisd_templates[] = {\n${rows}};\n"
  "const size_t swisd_template_count = sizeof swisd_templates / sizeof swisd_templates[0];\n")
