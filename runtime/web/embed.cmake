# cmake -DINPUT=page.html -DOUTPUT=page.c -P embed.cmake: a file as an array of C.
file(READ ${INPUT} bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR count "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"runtime/web/page.h\"\n\nconst unsigned char swisd_page[] = {\n${bytes}\n};\nconst size_t swisd_page_bytes = ${count};\n")
