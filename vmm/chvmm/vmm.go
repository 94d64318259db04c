package chvmm

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm"
)

// opBound limits one operation on a machine, so that a hypervisor that hangs
// shows as an error instead of silence.
const opBound = 90 * time.Second

// Config is what a VMM is made of.
type Config struct {
	// Platform runs the guest. Required.
	Platform Platform
	// Monitor takes the events. It may be nil.
	Monitor *Monitor
	// Version is what vmm.ping reports as version, "53.0.0", and
	// BuildVersion and Features go with it.
	Version, BuildVersion string
	Features              []string
	// NoShutdown keeps the VMM when the guest powers itself off.
	NoShutdown bool
	// Log is required.
	Log logrus.FieldLogger
}

// VMM is the control loop: at most one configuration, and at most one machine
// made from it.
//
//	        create            boot                pause
//	(none) ───────► Created ───────► Running ◄──────────► Paused ◄── restore ── (none)
//	   ▲              │  ▲             │       resume       │
//	   └── delete ────┘  └─ shutdown ──┴────────────────────┘
type VMM struct {
	cfg Config

	watchers sync.WaitGroup // one per machine, see watch
	ended    chan struct{}

	mu       sync.Mutex
	config   *chapi.VmConfig // nil: not created
	consoles *consoles       // open from create or boot to shutdown
	machine  Machine         // nil: not booted
	state    chapi.VmState   // of machine
	ids      ids
	over     bool  // ended is closed
	err      error // why the process fails; nil: it ends in order
}

// New returns a VMM without a VM and emits the event vmm:starting.
func New(cfg Config) *VMM {
	cfg.Monitor.Emit(vmm.EventVMMStarting, nil)
	return &VMM{cfg: cfg, ended: make(chan struct{})}
}

// Done is closed when the process is to end: after vmm.shutdown, after the
// guest has powered itself off, or when a reboot failed.
func (v *VMM) Done() <-chan struct{} { return v.ended }

// Err returns after Done why the process failed, or nil.
func (v *VMM) Err() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.err
}

// Shutdown stops and deletes the VM and ends the VMM: vmm.shutdown, SIGTERM
// and the guest's own power-off.
func (v *VMM) Shutdown(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.shutdownVMM(ctx)
}

// Close stops the machine if there still is one and waits for the goroutines.
func (v *VMM) Close() error {
	err := v.Shutdown(context.Background())
	v.watchers.Wait()
	return err
}

func (v *VMM) shutdownVMM(ctx context.Context) error {
	if v.over {
		return nil
	}
	if err := v.delete(ctx); err != nil {
		return err
	}
	v.emit(vmm.EventVMMShutdown)
	v.end(nil)
	return nil
}

func (v *VMM) end(err error) {
	if v.over {
		return
	}
	v.over, v.err = true, err
	close(v.ended)
}

func (v *VMM) create(cfg *chapi.VmConfig) error {
	if v.config != nil {
		return errAlreadyCreated
	}
	setDefaults(cfg)
	v.config = cfg
	consoles, err := openConsoles(cfg)
	if err != nil {
		return NewFault("Error creating console devices", err)
	}
	v.consoles = consoles
	if cfg.LandlockEnable {
		return NewFault("Failed to apply landlock config during vm_create", &NotSupported{
			"landlock_enable", "the guest runs in a child process whose files are not known beforehand; confine this process from outside"})
	}
	return nil
}

func (v *VMM) boot(ctx context.Context) error {
	if v.machine != nil {
		return errAlreadyCreated
	}
	v.emit(vmm.EventBooting)
	if v.config == nil {
		return errMissingConfig
	}
	if err := v.start(ctx); err != nil {
		return err
	}
	v.emit(vmm.EventBooted)
	return nil
}

// start makes a machine from the stored configuration.
func (v *VMM) start(ctx context.Context) error {
	if err := v.openConsoles(); err != nil {
		return err
	}
	if err := v.checkConfig(); err != nil {
		return err
	}
	if err := checkPayload(v.config.Payload); err != nil {
		return err
	}
	v.ids = ids{}
	v.ids.fill(v.config)
	ctx, cancel := operationContext(ctx)
	defer cancel()
	machine, err := v.cfg.Platform.Start(ctx, v.config, v.consoles.files)
	if err != nil {
		return err
	}
	v.adopt(machine, chapi.Running)
	return nil
}

func (v *VMM) openConsoles() error {
	if v.consoles != nil {
		return nil
	}
	consoles, err := openConsoles(v.config)
	if err != nil {
		return NewFault("Error creating console devices", err)
	}
	v.consoles = consoles
	return nil
}

// checkConfig tells whether a machine can be made from the configuration.
func (v *VMM) checkConfig() error {
	if err := validate(v.config); err != nil {
		return err
	}
	if err := v.cfg.Platform.Check(v.config); err != nil {
		return err
	}
	return checkDisks(v.config.Disks)
}

// adopt makes machine the VMM's.
func (v *VMM) adopt(machine Machine, state chapi.VmState) {
	v.machine, v.state = machine, state
	v.watchers.Go(func() { v.watch(machine) })
}

// stop pulls the plug of the machine.
func (v *VMM) stop(ctx context.Context) error {
	if v.machine == nil {
		return errNotRunning
	}
	machine := v.machine
	v.machine = nil
	ctx, cancel := operationContext(ctx)
	defer cancel()
	err := machine.Stop(ctx)
	v.consoles.close()
	v.consoles = nil
	return err
}

func (v *VMM) shutdownVM(ctx context.Context) error {
	if err := v.stop(ctx); err != nil {
		return err
	}
	v.emit(vmm.EventShutdown)
	return nil
}

func (v *VMM) delete(ctx context.Context) error {
	if v.config == nil {
		return nil
	}
	if v.machine != nil {
		if err := v.shutdownVM(ctx); err != nil {
			return err
		}
	}
	v.consoles.close()
	v.consoles, v.config = nil, nil
	v.emit(vmm.EventDeleted)
	return nil
}

func (v *VMM) reboot(ctx context.Context) error {
	v.emit(vmm.EventRebooting)
	if err := v.stop(ctx); errors.Is(err, errNotRunning) {
		return errNotCreated
	} else if err != nil {
		return err
	}
	if err := v.start(ctx); err != nil {
		return err
	}
	v.emit(vmm.EventRebooted)
	return nil
}

func (v *VMM) emit(kind vmm.EventKind) { v.cfg.Monitor.Emit(kind, nil) }

// watch handles what the guest of machine does by itself, until the machine
// is stopped.
func (v *VMM) watch(machine Machine) {
	for e := range machine.Events() {
		v.mu.Lock()
		if v.machine == machine {
			v.handle(e)
		}
		v.mu.Unlock()
	}
}

func (v *VMM) handle(e MachineEvent) {
	ctx := context.Background()
	switch e.Kind {
	case PoweredOff:
		v.cfg.Log.Info("the guest powered off")
		v.poweredOff(ctx)
	case Reset:
		v.cfg.Log.Info("the guest reset itself")
		if err := v.reboot(ctx); err != nil {
			v.cfg.Log.WithError(err).Error("the VM could not be rebooted")
			v.end(NewFault("VMM error", NewFault("Error rebooting VM", err)))
		}
	case Crashed:
		v.cfg.Log.WithError(e.Err).Error("the hypervisor ended")
		v.endInOrder(ctx)
	case Panicked:
		v.cfg.Monitor.Emit(vmm.EventGuestPanic, map[string]string{"event": e.Detail})
	case DeviceRemoved:
		v.cfg.Monitor.Emit(vmm.EventDeviceRemoved, map[string]string{"id": e.Device, "bdf": e.BDF})
	}
}

func (v *VMM) poweredOff(ctx context.Context) {
	if !v.cfg.NoShutdown {
		v.endInOrder(ctx)
		return
	}
	if err := v.shutdownVM(ctx); err != nil {
		v.cfg.Log.WithError(err).Error("the VM could not be shut down")
	}
}

func (v *VMM) endInOrder(ctx context.Context) {
	if err := v.shutdownVMM(ctx); err != nil {
		v.cfg.Log.WithError(err).Error("the VMM could not be shut down")
		v.end(err)
	}
}

// operationContext outlives the request that asked for the operation, because
// a client that hangs up must not leave half a machine, and bounds it.
func operationContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), opBound)
}

// consoles owns the open files of a VM's serial port and console.
type consoles struct{ files Consoles }

// openConsoles truncates and opens the files that cfg names, for writing
// only, which is how a hypervisor that inherits them asks for them.
func openConsoles(cfg *chapi.VmConfig) (*consoles, error) {
	if cfg.Console.Mode == chapi.ConsoleModeSocket {
		return nil, &Fault{Text: "No socket option support for console device"}
	}
	c := &consoles{}
	for _, each := range []struct {
		mode chapi.ConsoleMode
		path string
		file **os.File
	}{
		{cfg.Console.Mode, cfg.Console.File, &c.files.Console},
		{cfg.Serial.Mode, cfg.Serial.File, &c.files.Serial},
	} {
		if each.mode != chapi.ConsoleModeFile || each.path == "" {
			continue
		}
		f, err := os.OpenFile(each.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
		if err != nil {
			c.close()
			return nil, NewFault("Error creating console device", err)
		}
		*each.file = f
	}
	return c, nil
}

// close closes the files; it may be called on nil and twice.
func (c *consoles) close() {
	if c == nil {
		return
	}
	for _, f := range []*os.File{c.files.Serial, c.files.Console} {
		if f != nil {
			_ = f.Close()
		}
	}
	c.files = Consoles{}
}
