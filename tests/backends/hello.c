/* A FastCGI program on libfcgi: it is started with its listening socket as descriptor 0 (or with a
 * socket's path or :PORT as its argument) and serves one request at a time. /echo returns the body.
 */
#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>

static void echo(FCGX_Request *request) {
  char buffer[65536];
  int count;
  while ((count = FCGX_GetStr(buffer, sizeof buffer, request->in)) > 0) {
    FCGX_PutStr(buffer, count, request->out);
  }
}

static const char *param(FCGX_Request *request, const char *name) {
  const char *value = FCGX_GetParam(name, request->envp);
  return value ? value : "";
}

int main(int argc, char **argv) {
  FCGX_Request request;
  int listener = argc > 1 ? FCGX_OpenSocket(argv[1], 128) : 0;
  if (FCGX_Init() != 0 || listener < 0 || FCGX_InitRequest(&request, listener, 0) != 0) {
    return 1;
  }
  while (FCGX_Accept_r(&request) == 0) {
    FCGX_FPrintF(request.out, "Content-Type: text/plain\r\nX-Length: %s\r\n\r\n",
                 param(&request, "CONTENT_LENGTH"));
    if (strcmp(param(&request, "PATH_INFO"), "/echo") == 0) {
      echo(&request);
    } else {
      FCGX_FPrintF(request.out, "%s %s?%s", param(&request, "REQUEST_METHOD"),
                   param(&request, "PATH_INFO"), param(&request, "QUERY_STRING"));
    }
    FCGX_Finish_r(&request);
  }
  return 0;
}
