/* The page, made of page.html when the program is built. */
#ifndef SWISD_WEB_PAGE_H
#define SWISD_WEB_PAGE_H

#include <stddef.h>

extern const unsigned char swisd_page[];
extern const size_t swisd_page_bytes;

/* Where page.html says this, the nonce of the reply is put, so that only its own script and style run. */
#define SWISD_PAGE_NONCE "NONCE-OF-THIS-REPLY"

#endif
