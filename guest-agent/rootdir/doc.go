// Package rootdir makes the root directories of containers out of block
// devices: an EROFS image below, shared by all containers that use it, and a
// writable layer above, an ext4 disk or memory.
//
//	<dir>/images/<serial>             the image's mount
//	<dir>/volumes/<serial>            a volume's mount: data/ is what containers see
//	<dir>/containers/<id>/volumes/<serial>/<n> what of its n-th volume the container was started with
//	<dir>/containers/<id>/layer       the writable file system: upper/ and work/
//	<dir>/containers/<id>/root        the overlay, the container's root
//	<dir>/containers/<id>/files       small files to be bind-mounted
//
// Devices are found by their virtio-blk serial. They may be plugged while a
// container is being started, so that finding one can take a moment.
package rootdir
