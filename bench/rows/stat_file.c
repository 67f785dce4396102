// SPDX-License-Identifier: MIT
/* row
title = "stat a file"
why = "a path walked and described"
source = "M11 (1997)"
*/
#include "row.h"

#include <sys/stat.h>

int main(void) {
  CHECK(mkdir("folder", 0700) == 0);
  close(open("folder/row", O_CREAT | O_WRONLY, 0640));
  struct stat status;
  MEASURE(200, CHECK(stat("folder/row", &status) == 0));
  CHECK((status.st_mode & 0777) == 0640);
  return 0;
}
