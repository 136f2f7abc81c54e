/*
 * sd-notify: one datagram to the service manager that started this process, which Node cannot send by itself: it has no
 * unix datagram sockets. Node-API alone, so that one binary serves every Node.
 *
 *   send(path, text) -> 0, or an errno
 *
 * It never waits: a service manager that does not read must not hold up who talks to it.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <node_api.h>

static int send_text(const char *path, size_t path_length, const char *text, size_t text_length) {
  struct sockaddr_un to;
  memset(&to, 0, sizeof to);
  to.sun_family = AF_UNIX;
  if (path_length < 2 || path_length >= sizeof to.sun_path) return EINVAL;
  memcpy(to.sun_path, path, path_length);
  /* sd_notify(3): a name that begins with @ is an abstract one, whose first byte is zero and whose length counts. */
  if (path[0] == '@') to.sun_path[0] = 0;
  socklen_t length = offsetof(struct sockaddr_un, sun_path) + path_length + (path[0] == '@' ? 0 : 1);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  ssize_t sent = sendto(fd, text, text_length, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, length);
  int why = sent < 0 ? errno : 0;
  close(fd);
  return why;
}

static napi_value send_to(napi_env env, napi_callback_info info) {
  napi_value words[2], answer;
  size_t count = 2, path_length, text_length;
  char path[256], text[4096];
  int why = EINVAL;
  if (napi_get_cb_info(env, info, &count, words, NULL, NULL) == napi_ok && count == 2 &&
      napi_get_value_string_utf8(env, words[0], path, sizeof path, &path_length) == napi_ok &&
      napi_get_value_string_utf8(env, words[1], text, sizeof text, &text_length) == napi_ok)
    why = send_text(path, path_length, text, text_length);
  return napi_create_int32(env, why, &answer) == napi_ok ? answer : NULL;
}

NAPI_MODULE_INIT() {
  napi_value send;
  if (napi_create_function(env, "send", NAPI_AUTO_LENGTH, send_to, NULL, &send) != napi_ok) return NULL;
  if (napi_set_named_property(env, exports, "send", send) != napi_ok) return NULL;
  return exports;
}
