/* A camera without hardware, for tests: preloaded into a process (LD_PRELOAD), it answers for /dev/video0.
 *
 * OpenCV's real V4L2 back end opens it and streams 640x480 YUYV from it at 25 frames a second.
 *
 *   FAKE_CAMERA_FRAMES   file of raw 8-bit luma planes, 640x480 each, shown in turn for ever
 *   FAKE_CAMERA_MOOD     file with one word, read before every frame:
 *                          play    (or no such file) frames arrive
 *                          stall   no frame arrives, waiting for one times out
 *                          hang    waiting for a frame never returns
 *                          freeze  the same image again and again
 *                          black   black images
 *                          unplug  every call fails, the device is gone
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 640, HEIGHT = 480, PLANE = WIDTH * HEIGHT, BYTES = 2 * PLANE, MOST = 8, PERIOD_NS = 40000000 };

static struct {
    int fd;               /* a memory file that stands for the device, -1 while it is closed */
    unsigned char *memory; /* the buffers, mapped here once more to be filled */
    unsigned buffers;
    unsigned waiting[MOST]; /* indices of empty buffers, a ring */
    unsigned first, count;
    unsigned shown;
    struct timespec due;
} camera = {.fd = -1};

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

static int mood_is(const char *word) {
    const char *path = getenv("FAKE_CAMERA_MOOD");
    FILE *file = path ? fopen(path, "r") : NULL;
    char text[16] = "";
    if (!file) return 0;
    if (fscanf(file, "%15s", text) != 1) text[0] = 0;
    fclose(file);
    return strcmp(text, word) == 0;
}

static int fail(int number) {
    errno = number;
    return -1;
}

static void hang(void) {
    struct timespec piece = {0, 50000000};
    while (mood_is("hang")) nanosleep(&piece, NULL);
}

static int open_camera(void) {
    if (mood_is("unplug")) return fail(ENOENT);
    if (camera.fd >= 0) return fail(EBUSY);
    camera.fd = memfd_create("fake camera", 0);
    camera.buffers = camera.first = camera.count = 0;
    return camera.fd;
}

static int open_any(const char *function, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = next(function);
    return strcmp(path, "/dev/video0") == 0 ? open_camera() : real(path, flags, mode);
}

static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; }

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return open_any("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return open_any("open64", path, flags, mode);
}

int close(int fd) {
    int (*real)(int) = next("close");
    if (fd >= 0 && fd == camera.fd) {
        if (camera.memory) munmap(camera.memory, (size_t)BYTES * camera.buffers);
        camera.memory = NULL;
        camera.fd = -1;
    }
    return real(fd);
}

int select(int count, fd_set *reading, fd_set *writing, fd_set *failing, struct timeval *limit) {
    int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *) = next("select");
    int ours = camera.fd >= 0 && reading && FD_ISSET(camera.fd, reading);
    if (ours) hang();
    if (ours && mood_is("stall")) {
        struct timespec whole = {limit ? limit->tv_sec : 3600, limit ? limit->tv_usec * 1000 : 0};
        nanosleep(&whole, NULL);
        FD_ZERO(reading);
        return 0;
    }
    return real(count, reading, writing, failing, limit);
}

static void paint(unsigned char *buffer) {
    static unsigned char plane[PLANE];
    const char *path = getenv("FAKE_CAMERA_FRAMES");
    FILE *file = path ? fopen(path, "rb") : NULL;
    if (file && !mood_is("freeze")) {
        struct stat about;
        unsigned planes = fstat(fileno(file), &about) == 0 ? about.st_size / PLANE : 0;
        if (planes) fseek(file, (long)(camera.shown % planes) * PLANE, SEEK_SET);
        if (!planes || fread(plane, 1, PLANE, file) != PLANE) memset(plane, 0, PLANE);
    }
    if (file) fclose(file);
    int black = mood_is("black");
    for (int i = 0; i < PLANE; i++) {
        buffer[2 * i] = black ? 16 : plane[i];
        buffer[2 * i + 1] = 128;
    }
}

static int give_frame(struct v4l2_buffer *buffer) {
    hang();
    if (camera.count == 0 || mood_is("stall")) return fail(EAGAIN);
    if (!camera.memory) {
        size_t size = (size_t)BYTES * camera.buffers;
        camera.memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, camera.fd, 0);
    }
    camera.due.tv_nsec += PERIOD_NS;
    if (camera.due.tv_nsec >= 1000000000) {
        camera.due.tv_sec++;
        camera.due.tv_nsec -= 1000000000;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &camera.due, NULL);
    unsigned index = camera.waiting[camera.first];
    camera.first = (camera.first + 1) % MOST;
    camera.count--;
    paint(camera.memory + (size_t)index * BYTES);
    buffer->index = index;
    buffer->bytesused = buffer->length = BYTES;
    buffer->sequence = camera.shown++;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->timestamp = (struct timeval){camera.due.tv_sec, camera.due.tv_nsec / 1000};
    return 0;
}

static int describe(struct v4l2_capability *about) {
    memset(about, 0, sizeof *about);
    strcpy((char *)about->driver, "fake");
    strcpy((char *)about->card, "Camera of the tests");
    about->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    about->capabilities = about->device_caps | V4L2_CAP_DEVICE_CAPS;
    return 0;
}

static int set_format(struct v4l2_format *format) {
    struct v4l2_pix_format *pixels = &format->fmt.pix;
    if (format->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return fail(EINVAL);
    pixels->width = WIDTH;
    pixels->height = HEIGHT;
    pixels->pixelformat = V4L2_PIX_FMT_YUYV;
    pixels->field = V4L2_FIELD_NONE;
    pixels->bytesperline = 2 * WIDTH;
    pixels->sizeimage = BYTES;
    pixels->colorspace = V4L2_COLORSPACE_SRGB;
    return 0;
}

static int make_buffers(struct v4l2_requestbuffers *request) {
    if (request->memory != V4L2_MEMORY_MMAP) return fail(EINVAL);
    if (request->count > MOST) request->count = MOST;
    camera.buffers = request->count;
    camera.first = camera.count = 0;
    return ftruncate(camera.fd, (off_t)BYTES * camera.buffers);
}

static int locate_buffer(struct v4l2_buffer *buffer) {
    if (buffer->index >= camera.buffers) return fail(EINVAL);
    buffer->length = BYTES;
    buffer->m.offset = buffer->index * BYTES;
    buffer->flags = 0;
    return 0;
}

static int take_buffer(struct v4l2_buffer *buffer) {
    if (buffer->index >= camera.buffers || camera.count == MOST) return fail(EINVAL);
    camera.waiting[(camera.first + camera.count++) % MOST] = buffer->index;
    return 0;
}

int ioctl(int fd, unsigned long request, ...) {
    int (*real)(int, unsigned long, ...) = next("ioctl");
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (fd < 0 || fd != camera.fd) return real(fd, request, argument);
    if (mood_is("unplug")) return fail(ENODEV);
    switch (request) {
    case VIDIOC_QUERYCAP: return describe(argument);
    case VIDIOC_ENUMINPUT:
        if (((struct v4l2_input *)argument)->index) return fail(EINVAL);
        ((struct v4l2_input *)argument)->type = V4L2_INPUT_TYPE_CAMERA;
        return 0;
    case VIDIOC_G_INPUT: *(int *)argument = 0; return 0;
    case VIDIOC_S_INPUT: return 0;
    case VIDIOC_G_FMT:
    case VIDIOC_S_FMT:
    case VIDIOC_TRY_FMT: return set_format(argument);
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM:
        ((struct v4l2_streamparm *)argument)->parm.capture.timeperframe = (struct v4l2_fract){1, 25};
        return 0;
    case VIDIOC_REQBUFS: return make_buffers(argument);
    case VIDIOC_QUERYBUF: return locate_buffer(argument);
    case VIDIOC_QBUF: return take_buffer(argument);
    case VIDIOC_DQBUF: return give_frame(argument);
    case VIDIOC_STREAMON: return clock_gettime(CLOCK_MONOTONIC, &camera.due);
    case VIDIOC_STREAMOFF: camera.first = camera.count = 0; return 0;
    default: return fail(EINVAL);
    }
}
