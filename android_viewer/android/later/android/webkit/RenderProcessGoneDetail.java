package android.webkit;

/** A class of Android 8 that the platform we compile against has not; it is not in the package. */
public abstract class RenderProcessGoneDetail {}
