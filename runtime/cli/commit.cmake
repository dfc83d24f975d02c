# Writes a C file with the commit of the tree, and "-dirty" behind it when files differ from it: cmake -DROOT=... -DOUT=... -P
execute_process(COMMAND git -C ${ROOT} describe --always --dirty --abbrev=12 --match=nothing
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed OR commit STREQUAL "")
  set(commit "unknown")
endif()
set(text "#include \"runtime/cli/manifest.h\"\n\nconst char swisd_commit[] = \"${commit}\";\n")
set(old "")
if(EXISTS ${OUT})
  file(READ ${OUT} old)
endif()
if(NOT old STREQUAL text)
  file(WRITE ${OUT} "${text}")
endif()
